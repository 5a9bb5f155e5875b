use brolga_arm::a64::*;
fn main(){ let mut s=12345u64; let mut next=move||{s=s.wrapping_add(0x9e3779b97f4a7c15);let z=(s^(s>>30)).wrapping_mul(0xbf58476d1ce4e5b9);let z=(z^(z>>27)).wrapping_mul(0x94d049bb133111eb);z^(z>>31)};
 let mode=std::env::args().nth(1).unwrap();
 if mode=="rows" { for &r in ALL { let i=r.info(); for _ in 0..300 { let w=random_word(r,&mut next); println!("{:08x} {} {} {} {}",w,i.name,mnemonic(w).unwrap(),i.implemented,i.feature.unwrap_or("-")); } } }
 else { // words whose fixed bits fit but nothing claims
  for l in std::io::stdin().lines(){ let w=u32::from_str_radix(&l.unwrap(),16).unwrap(); match decode(w){None=>println!("{w:08x} NONE"),Some(r)=>println!("{w:08x} {} {}",r.info().name,r.info().implemented)} } } }
